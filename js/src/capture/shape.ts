/** Which part of a picture is sent, at which size, and whether mirrored. */

/** The picture to send: pixels. */
export interface Shape {
  width: number;
  height: number;
  mirrored: boolean;
}

/**
 * The largest part in the middle of a picture that has the shape's proportions; all in pixels, and even,
 * as 4:2:0 chroma needs.
 */
export function crop(
  width: number,
  height: number,
  shape: { width: number; height: number },
): { x: number; y: number; width: number; height: number } {
  const even = (n: number) => Math.max(2, Math.floor(n / 2) * 2);
  const ratio = shape.width / shape.height;
  // Within 2 % the proportions count as equal: 704 and 720 lines are not worth a crop.
  const fits = Math.abs(width / height / ratio - 1) < 0.02;
  const w = even(fits || width / height < ratio ? width : height * ratio);
  const h = even(fits || width / height > ratio ? height : width / ratio);
  return {
    x: even((width - w) / 2 + 2) - 2,
    y: even((height - h) / 2 + 2) - 2,
    width: w,
    height: h,
  };
}

/** Whether a picture of this size can be sent unchanged. */
export function fitsUnchanged(width: number, height: number, shape: Shape): boolean {
  const part = crop(width, height, shape);
  return !shape.mirrored && width - part.width < 2 && height - part.height < 2;
}
