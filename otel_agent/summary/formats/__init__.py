"""Views for scripts and for sharing, each as one text."""
