"""The steps, oldest first. They are history; what the columns mean today is said in bridge/store/schema.py."""
