export const number = (value: number): string => value.toLocaleString("en-US");

export const plural = (count: number, what: string): string => `${number(count)} ${what}${count === 1 ? "" : "s"}`;
