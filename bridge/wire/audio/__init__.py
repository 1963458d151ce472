"""Audio formats: their RTP payloads and what their configuration says.

aac    RFC 3640 mode AAC-hbr, AudioSpecificConfig
g711   RFC 3551 PCMU and PCMA
flac   RFC 9639, what G.711 becomes for browsers
g726   RFC 3551 G.726 of any rate and packing
latm   what MPEG-4's own transport says of AAC; its payloads are `wire/marked_units`
opus   RFC 7587
"""
