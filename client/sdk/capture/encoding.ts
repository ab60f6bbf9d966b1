/** A frame to be made a JPEG. It is the encoder's from then on. */
export interface EncodeRequest {
  image: ImageBitmap | VideoFrame;
  /** Pixels of the JPEG, whatever the image has. */
  width: number;
  height: number;
  /** 0 to 1. */
  quality: number;
  /** Whether the picture is to come back. */
  keep: boolean;
}

/** What a frame became: its JPEG, and what that shows, if it was to be kept. */
export interface EncodeReply {
  picture: ImageBitmap | null;
  jpeg: Uint8Array<ArrayBuffer>;
}

/** Makes JPEGs, one at a time. */
export interface Encoder extends Disposable {
  readonly thread: "worker" | "main";
  /** False where the browser protects canvases, and JPEGs show noise. */
  readonly isTrue: boolean;
  encode(request: EncodeRequest): Promise<EncodeReply>;
}
