"""Audio formats: their RTP payloads and what their configuration says.

aac    RFC 3640 mode AAC-hbr, AudioSpecificConfig
g711   RFC 3551 PCMU and PCMA
"""
