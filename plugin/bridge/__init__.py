"""The bridge program: takes work from the server, asks vendors, posts what they say.

It calls out over https and listens to nobody. Vendors' secrets come with the work and stay in
memory; on disk it keeps its own secret alone.
"""
