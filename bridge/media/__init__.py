"""The live hub and its fan-out: what happens to an access unit between the camera and everybody who watches. Pure.

hub           one per stream: timeline, current GOP, subscribers; fed by ingest through `Run.push`
  timeline      the camera's clock -> ours; positions continuous over reconnects (docs/design/time.md)
  wall          monotonic -> UTC
  camera_clock  what the camera claims the time to be, kept beside
  gop_cache     the access units since the latest key frame
  stream_meter  bit rate, frame rate, GOP length
rtp_stream    one per hub: RTP shared by all viewers; `play` -> `Playback`
  playback      one PLAY of one viewer: start point, catch-up, live, end
  rtp_track     numbering, packets made once, the GOP ready for a fast start
  fast_start    the RTP times of a catch-up
  packets       one access unit as RTP packets, for every channel and for segmentation offload
  fanout        one send per access unit and viewer
  outbox        what waits on one connection, and what a slow viewer loses
  rtp_reports   sender reports and BYE
  multicast     playbacks that go to groups, each shared by all who have joined it
replay_sender one per session that plays a recording: what is sent when
  replay_line   when recorded units are shown
  replay_track  numbering, packets with the replay extension, RTP times
talk          a camera's loudspeaker, one talker at a time
routes        where packets go; the sockets below are in `services/rtsp`
"""
