"""The words that everything else speaks; nothing here imports torch, Qt or anything heavy."""
