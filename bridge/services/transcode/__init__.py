"""Where pixels exist: worker processes that decode and encode, and what asks them.

    worker.py    the process (`python -m bridge.services.transcode.worker`): a key frame in, a JPEG out
    jobs.py      what goes over its pipes
    pool.py      the processes, their queue and their deaths
    snapshot.py  the still picture of a stream, one decoding per GOP whoever asks

No decoder runs in the service's own process: a stream that crashes one costs one job.
"""
