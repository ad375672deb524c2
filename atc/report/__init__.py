"""What a run says of itself: progress while it goes, a summary when it has ended."""
