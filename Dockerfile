# The service as an image: docker build -t open-network-bridge .
# tests/interop/test_container.py runs these steps one by one where there is no engine to build with.
FROM python:3.13-slim-bookworm AS build
WORKDIR /src
RUN python -m venv /opt/onb
# First what changes seldom: a new version of the project alone leaves this layer as it is.
COPY requirements/run.txt requirements/run.txt
RUN /opt/onb/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements/run.txt
COPY pyproject.toml README.md LICENSE ./
COPY wsdl wsdl
COPY bridge bridge
RUN /opt/onb/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps .

FROM python:3.13-slim-bookworm
# The service is no root; ports below 1024 need the capability on the interpreter, whatever the engine allows by itself.
RUN apt-get update \
    && apt-get install -y --no-install-recommends libcap2-bin \
    && setcap cap_net_bind_service=+ep "$(readlink -f "$(command -v python3)")" \
    && apt-get purge -y --auto-remove libcap2-bin \
    && rm -rf /var/lib/apt/lists/*
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/onb onb
COPY --from=build /opt/onb /opt/onb
ENV PATH=/opt/onb/bin:$PATH ONB_CONFIG=/var/lib/onb/onb.toml ONB_HEALTH=http://127.0.0.1:8081/healthz
USER onb
# `data` is where the configuration is, when nothing else is said: /var/lib/onb/data.
WORKDIR /var/lib/onb
VOLUME /var/lib/onb
EXPOSE 580 554 322 8081 8082 3702/udp
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s \
    CMD ["python3", "-c", "import os, urllib.request as u; u.build_opener(u.ProxyHandler({})).open(os.environ['ONB_HEALTH'], timeout=4)"]
ENTRYPOINT ["onb"]
CMD ["serve"]
