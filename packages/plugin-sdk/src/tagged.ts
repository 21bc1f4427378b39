import * as z from "zod/mini";

type Tagged = z.ZodMiniObject<{ type: z.ZodMiniLiteral<string> }>;

/**
 * A union told apart by `type`. A value of a known type must have that type's shape; one of an unknown type is let
 * through. In the types only the known ones appear: with a member whose `type` is any string, nothing would narrow.
 */
export function tagged<const Members extends readonly Tagged[]>(members: Members) {
  const byType = new Map<unknown, Tagged>(members.map((member) => [[...member.shape.type.def.values][0], member]));
  const schema = z.looseObject({ type: z.string() }).check((context) => {
    const member = byType.get(context.value.type);
    const result = member?.safeParse(context.value);
    for (const issue of result?.error?.issues ?? []) context.issues.push({ ...issue, input: context.value } as never);
  });
  return schema as unknown as z.ZodMiniType<z.infer<Members[number]>>;
}
