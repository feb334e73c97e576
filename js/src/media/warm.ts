/** A page's first peer connection takes longer than all others: it is made early, for nobody. */

let warmed = false;

/** Once a page. Nothing is gathered, asked for or sent: the description it makes is thrown away. */
export function warmUp(): void {
  if (warmed || typeof RTCPeerConnection === "undefined") return;
  warmed = true;
  const peer = new RTCPeerConnection();
  peer.addTransceiver("video");
  const close = () => peer.close();
  peer.createOffer().then(close, close);
}
