// The least that there is between two ends in a browser: camera, encoder, network, decoder, picture;
// nobody in between. The codec and its rate (bit/s) are in the address; with `early` the two ends are
// connected before the click, which then only opens the camera.

const options = new URLSearchParams(location.search);
const codec = `video/${options.get("codec")}`.toLowerCase();
const rate = Number(options.get("rate"));
const picture = document.querySelector("#picture");
let camera = null;
const up = new RTCPeerConnection({ iceServers: [] });
const down = new RTCPeerConnection({ iceServers: [] });

const open = async () => {
  camera = await navigator.mediaDevices.getUserMedia({ video: { width: 1280, height: 720 } });
  return camera.getVideoTracks()[0];
};

/** Connects the two ends; the track, or null, goes up. Returns its sender. */
const connect = async (track) => {
  up.addEventListener("icecandidate", ({ candidate }) => down.addIceCandidate(candidate ?? undefined));
  down.addEventListener("icecandidate", ({ candidate }) => up.addIceCandidate(candidate ?? undefined));
  down.addEventListener("track", (event) => { picture.srcObject = new MediaStream([event.track]); });
  const transceiver = up.addTransceiver(track ?? "video", {
    direction: "sendonly",
    sendEncodings: [{ maxBitrate: rate }],
  });
  const { codecs } = RTCRtpSender.getCapabilities("video");
  const first = (one) => one.mimeType.toLowerCase() === codec;
  transceiver.setCodecPreferences([
    ...codecs.filter(first),
    ...codecs.filter((one) => one.mimeType === "video/rtx"),
  ]);
  await up.setLocalDescription();
  await down.setRemoteDescription(up.localDescription);
  await down.setLocalDescription();
  // As the local server and the widget do: the full rate from the start.
  const sdp = down.localDescription.sdp.replace(
    /^a=rtpmap:(\d+) (VP8|H264)\/90000\r\n(a=fmtp:\1 [^\r\n]*\r\n)?/gm,
    (line, payload, _, fmtp) =>
      fmtp
        ? line.replace(fmtp, fmtp.replace("\r\n", ";x-google-start-bitrate=3000\r\n"))
        : `${line}a=fmtp:${payload} x-google-start-bitrate=3000\r\n`,
  );
  await up.setRemoteDescription({ type: "answer", sdp });
  return transceiver.sender;
};

const start = document.querySelector("#start");
if (options.has("early")) {
  const sender = await connect(null);
  while (down.connectionState !== "connected") {
    await new Promise((done) => down.addEventListener("connectionstatechange", done, { once: true }));
  }
  start.addEventListener("click", async () => sender.replaceTrack(await open()));
} else {
  start.addEventListener("click", async () => connect(await open()));
}

window.stop = () => {
  up.close();
  down.close();
  for (const track of camera?.getTracks() ?? []) track.stop();
};
window.ready = true;
