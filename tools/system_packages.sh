#!/bin/sh
# Installs what `make test` or `make bench` uses from the system, when root on a Debian-like machine; else says what is
# missing and leaves it to the tests to skip by name.
set -eu
case "${1:-test}" in
    test) packages="gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly gstreamer1.0-libav gstreamer1.0-rtsp gir1.2-gst-rtsp-server-1.0 python3-gi postgresql docker-compose systemd chromium nodejs" ;;
    bench) packages="gcc libc6-dev libssl-dev openssl gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-libav gstreamer1.0-rtsp gir1.2-gst-rtsp-server-1.0 python3-gi" ;;
    *) echo "usage: $0 test|bench" >&2; exit 2 ;;
esac
command -v dpkg-query >/dev/null 2>&1 || exit 0
missing=""
for package in $packages; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q "ok installed" || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ]; then
    echo "Not root: some tests will be skipped for want of:$missing" >&2
    exit 0
fi
echo "Installing from the system's packages:$missing" >&2
apt-get update -qq >/dev/null
# shellcheck disable=SC2086 - a list of words
DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $missing >/dev/null
