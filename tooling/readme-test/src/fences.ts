export interface Fence {
  /** The text after the opening fence: `ts`, `sh`, or nothing. */
  readonly language: string;
  /** The code, without the indentation of a block inside a list. */
  readonly text: string;
  /** The line of the opening fence, counted from 1. */
  readonly line: number;
}

const FENCE = /^( *)(`{3,})([^\n`]*)\n(.*?)^\1\2 *$/gms;

/** Returns the fenced code blocks of a Markdown text, in order. */
export function fences(markdown: string): Fence[] {
  return Array.from(markdown.matchAll(FENCE), ({ index, 1: indent = "", 3: language = "", 4: text = "" }) => ({
    language: language.trim(),
    text: indent === "" ? text : text.replaceAll(new RegExp(`^${indent}`, "gm"), ""),
    line: markdown.slice(0, index).split("\n").length,
  }));
}
