/** Sends a keyframe of a track now. */

/** `RTCSetParameterOptions` of the W3C's webrtc-extensions, which TypeScript doesn't know yet. */
type SetParameters = (
  parameters: RTCRtpSendParameters,
  options: { encodingOptions: { keyFrame: boolean }[] },
) => Promise<void>;

/** Lets a sender encode a keyframe; browsers other than Chromium ignore the option. */
export function sendKeyframe(sender: RTCRtpSender | undefined): void {
  if (!sender) return;
  const parameters = sender.getParameters();
  const encodingOptions = (parameters.encodings ?? []).map(() => ({ keyFrame: true }));
  (sender.setParameters as SetParameters)
    .call(sender, parameters, { encodingOptions })
    .catch(() => undefined); // the connection has ended, or other parameters are being set
}
