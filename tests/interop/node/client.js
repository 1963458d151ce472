// The npm package `onvif` (Scrypted and UniFi tools use it) as a client; prints what it was told as one JSON line.
// usage: node client.js HOST PORT USER, with NODE_PATH naming its modules and the password in $PASSWORD
'use strict';
const { Cam } = require('onvif');

const [hostname, port, username] = process.argv.slice(2);
const call = (camera, name, options) =>
  new Promise((resolve, reject) => camera[name](options, (error, value) => (error ? reject(error) : resolve(value))));

function connect() {
  return new Promise((resolve, reject) => {
    const options = { hostname, port: Number(port), username, password: process.env.PASSWORD, timeout: 10000 };
    new Cam(options, function (error) {
      if (error) reject(error);
      else resolve(this);
    });
  });
}

async function main() {
  const camera = await connect();
  const told = { media2: Boolean(camera.media2Support), sources: camera.videoSources.length, profiles: [] };
  for (const profile of camera.profiles) {
    const profileToken = profile.$.token;
    const stream = await call(camera, 'getStreamUri', { protocol: 'RTSP', profileToken });
    const snapshot = await call(camera, 'getSnapshotUri', { profileToken });
    told.profiles.push({ token: profileToken, stream: stream.uri, snapshot: snapshot.uri });
  }
  told.information = await new Promise((resolve, reject) =>
    camera.getDeviceInformation((error, value) => (error ? reject(error) : resolve(value))));
  console.log(JSON.stringify(told));
}

main().catch((error) => {
  console.error(String(error));
  process.exit(1);
});
