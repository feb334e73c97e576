/** Puts together what the kernel sends in pieces, each below 1 MB. */

/** Bytes that are put together at most: a sheet of a thousand cells has 2 MB, a picture less. */
const MAX_BYTES = 32_000_000;

export class Pieces {
  #bytes = new Uint8Array();
  #name = "";
  #filled = 0;

  /**
   * Adds a piece; the whole once it is complete, else null.
   *
   * Pieces of one whole come in their order, because a comm keeps it. Another name, or a piece that doesn't
   * fit, begins anew.
   */
  add(
    name: string,
    at: number,
    total: number,
    data: BufferSource | undefined,
  ): Uint8Array<ArrayBuffer> | null {
    if (total > MAX_BYTES || total < 0) return null;
    if (at === 0) {
      this.#bytes = new Uint8Array(total);
      this.#name = name;
      this.#filled = 0;
    }
    const piece = bytes(data);
    const fits =
      name === this.#name && at === this.#filled && at + piece.length <= this.#bytes.length;
    if (!fits || total !== this.#bytes.length) return null;
    this.#bytes.set(piece, at);
    this.#filled += piece.length;
    if (this.#filled < total) return null;
    this.#name = "";
    return this.#bytes;
  }
}

function bytes(data: BufferSource | undefined): Uint8Array {
  if (!data) return new Uint8Array();
  return data instanceof ArrayBuffer
    ? new Uint8Array(data)
    : new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
