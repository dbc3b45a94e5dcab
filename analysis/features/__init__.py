"""From labels to features.csv and contacts.csv."""
