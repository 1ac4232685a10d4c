"""Wireless cards and their interfaces, as the kernel knows them: nl80211 and rtnetlink."""
