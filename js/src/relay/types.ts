/** Types that the modules of the relay share. */

/** How the camera's frames are encoded. */
export interface RelayOptions {
  /** In pixels; the model's size, turned for a portrait. */
  width: number;
  height: number;
  /** Frames/s of the camera. */
  fps: number;
  /** Of H.264, in bit/s. */
  bitrate: number;
  /** Of JPEG, 0 to 1. */
  quality: number;
}

/** An encoded frame. */
export interface RelayedFrame {
  /** A picture in H.264 (Annex B, parameter sets before each keyframe), or a JPEG file. */
  data: ArrayBuffer;
  codec: "h264" | "jpeg";
  /** Whether it can be decoded without earlier ones. */
  key: boolean;
  width: number;
  height: number;
  /** When it was taken, in ms since 1970, on this page's clock. */
  at: number;
  /** Frames so far that were dropped for lack of credit. */
  dropped: number;
}
