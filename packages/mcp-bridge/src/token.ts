import { createHash, randomBytes, timingSafeEqual } from "node:crypto";

/** Returns 32 random bytes as text that needs no quoting anywhere. */
export function randomToken(): string {
  return randomBytes(32).toString("base64url");
}

/** Compares in constant time, wherever the two differ. Hashes them first, so that the time doesn't reveal their lengths. */
export function isSameToken(a: string, b: string): boolean {
  return timingSafeEqual(sha256(a), sha256(b));
}

function sha256(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
