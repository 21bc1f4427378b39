export const print = (text = "") => process.stdout.write(`${text}\n`);

export const printJson = (value: unknown) => print(JSON.stringify(value, null, 2));
