import { RolloutError } from "@plexum/rollout";

/** Resolves to undefined if the work throws a documented error of `rollout`. Any other error is a finding. */
export async function allowRolloutError<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (!RolloutError.isInstance(error)) throw error;
    return undefined;
  }
}
