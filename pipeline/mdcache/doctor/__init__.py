"""What is wrong with the setup, what that means, and the one fix.

Takes what the system, the settings and the cache show (symptoms); gives checks with a remedy each. It changes nothing.
"""
