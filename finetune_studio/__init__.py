"""Finetune Studio: fine-tune a pretrained model on your own data, on your own computer."""
