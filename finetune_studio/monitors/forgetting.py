"""Forgetting: pretrained layers have moved far from where they began, and nothing is gained by it."""

from __future__ import annotations

from finetune_studio.core import remedies, shares
from finetune_studio.core.monitor import Course, Monitor, Verdict

# Of the length of the pretrained weights. Both are rough: that much is never harmless, but less may be no
# better. On 200 photos of clothes, MobileNetV2's original last layer kept 13 to 18 % of its answers where
# weights had moved by 0.5 to 0.6 %, and 85 % where its answers were kept and weights moved by 0.3 to 0.4 %
# (docs/benchmarks.md, Forgetting). So no warning means nothing; only what is asked of the network does.
FAR = 0.25
VERY_FAR = 0.6
_IN_A_ROW = 2


class Forgetting(Monitor):
    """Looks at the drift: the distance of the weights from the pretrained ones, relative to their length.

    Far and without gain for two epochs, or very far whatever is gained: what the model knew before is
    then likely to be overwritten (Li, Grandvalet and Davoine 2018 pull weights back for that reason). A
    network may have forgotten as much long before: the light does not say that it has not.
    """

    over = "The pretrained layers no longer move without gain."

    def look(self, course: Course) -> Verdict | None:
        """Return how far the pretrained layers have moved."""
        if not course.epochs or course.epochs[-1].drift is None:
            return None
        last = course.epochs[-1]
        drift = last.drift or 0.0
        idle = last.without_gain >= _IN_A_ROW
        if drift < FAR or (drift < VERY_FAR and not idle):
            return None
        gained = f" and nothing was gained for {last.without_gain} epochs" if idle else ""
        return Verdict(
            "very far" if drift >= VERY_FAR else "far",
            "warning",
            f"The pretrained layers have moved by {shares.whole(drift)} of their size{gained}: what the model"
            " knew before is being overwritten.",
            last.number - last.without_gain,
            remedies.back_to_pretrained(course.settings)
            or remedies.rates(course.settings, 0.1, "Take steps a tenth as large"),
        )
