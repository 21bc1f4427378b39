const SESSION_ID = /^[A-Za-z0-9._:-]{1,128}$/;

/** Returns whether a session with this id may be listed, and resumed by that id. */
export const isSessionId = (value: unknown): value is string => typeof value === "string" && SESSION_ID.test(value);
