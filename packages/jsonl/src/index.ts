export { BackwardLineSplitter } from "./backward-line-splitter.ts";
export {
  DEFAULT_MAX_LINE_BYTES,
  EXCERPT_BYTES,
  type Line,
  type LineLimit,
  type OversizedLine,
  type SplitLine,
} from "./line.ts";
export { LineSplitter, type LineSplitterOptions } from "./line-splitter.ts";
export { type ReadLinesBackwardOptions, readLinesBackward } from "./read-lines-backward.ts";
export { splitLines } from "./split-lines.ts";
