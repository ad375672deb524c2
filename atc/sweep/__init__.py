"""Many runs: frozen in a manifest, run by workers, read back."""
