/** A page's first peer connection takes longer than later ones: one is made early and thrown away. */

let isWarm = false;

/** Does so once a page. Nothing is gathered or sent: the offer is never set as a description. */
export function warmUp(): void {
  if (isWarm || typeof RTCPeerConnection === "undefined") return;
  isWarm = true;
  const peer = new RTCPeerConnection();
  peer.addTransceiver("video");
  const close = () => peer.close();
  peer.createOffer().then(close, close);
}
