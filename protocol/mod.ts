/** lkstream.v1: the wire's codec and types. Pure; runs in server, page, SDK and tools. */
export * from "./engines.ts";
export * from "./endings.ts";
export * from "./errors.ts";
export * from "./forms.ts";
export * from "./frame.ts";
export * from "./jpeg.ts";
export * from "./messages.ts";
export * from "./options.ts";
export * from "./pictures.ts";
export * from "./resume.ts";
export * from "./stream_name.ts";
export * from "./tracks.ts";
export * from "./tracks_csv.ts";
export * from "./tracks_json.ts";
