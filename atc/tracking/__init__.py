"""What a run leaves behind: the local record, always; W&B beside it, offline unless asked."""
