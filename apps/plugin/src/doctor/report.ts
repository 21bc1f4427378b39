import { plain } from "../plain.ts";
import type { Status } from "./check.ts";
import type { Finding } from "./run-checks.ts";

/** The length of the longest id, so that the titles line up. */
const ID_WIDTH = 22;

const COLORS: Record<Status, number> = { ok: 32, warning: 33, error: 31 };

export interface ReportOptions {
  readonly color: boolean;
}

/** Returns one line for a finding. Unless the finding is ok, more lines say what it means and what to do. */
export function findingText(finding: Finding, { color }: ReportOptions): string {
  const { id, status, title, detail = "", meaning, remedy, fixed = false } = finding;
  const label = (fixed ? "fixed" : status).padEnd(7);
  const head = `${color ? `\u001b[${COLORS[status]}m${label}\u001b[0m` : label}  ${id.padEnd(ID_WIDTH)}  ${plain(title)}`;
  const indent = " ".repeat(9);
  return [
    head.trimEnd(),
    ...detail
      .split("\n")
      .map((line) => plain(line))
      .filter(Boolean)
      .map((line) => `${indent}${line}`),
    ...(meaning === undefined ? [] : [`${indent}means: ${plain(meaning)}`]),
    ...(remedy === undefined ? [] : [`${indent}do:    ${plain(remedy)}`]),
    "",
  ].join("\n");
}

export function summaryText(findings: readonly Finding[]): string {
  const of = (status: Status) => findings.filter((finding) => finding.status === status).length;
  const [errors, warnings] = [of("error"), of("warning")];
  const fixable = findings.filter((finding) => finding.fixable && finding.status !== "ok").length;
  const fixed = findings.filter((finding) => finding.fixed).length;
  const parts = [
    `${findings.length} checked: ${of("ok")} ok, ${warnings} warning${warnings === 1 ? "" : "s"}, ${errors} error${errors === 1 ? "" : "s"}`,
    ...(fixed > 0 ? [`${fixed} fixed`] : []),
    ...(fixable > 0 ? [`--fix repairs ${fixable}`] : []),
  ];
  return `${parts.join("; ")}\n`;
}

/** Returns the findings as JSON. Escapes characters that move a terminal's cursor or reverse the text direction. */
export function findingsJson(findings: readonly Finding[]): string {
  const ok = findings.every(({ status }) => status !== "error");
  const json = JSON.stringify({ ok, findings }, null, 2);
  return `${json.replace(/(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, escaped)}\n`;
}

const escaped = (character: string) =>
  Array.from({ length: character.length }, (_, index) => {
    return `\\u${character.charCodeAt(index).toString(16).padStart(4, "0")}`;
  }).join("");
