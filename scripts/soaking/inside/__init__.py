"""What a server under test has inside it besides its own code, which knows nothing of this: see sitecustomize.py."""
