import * as z from "zod/mini";

type Tagged = z.ZodMiniObject<{ type: z.ZodMiniLiteral<string> }>;

/**
 * Returns the schema of a union whose members are distinguished by `type`. A value of a known type must have that type's
 * shape; a value of an unknown type is accepted. The TypeScript type has only the known ones: with a member whose `type` is
 * any string, nothing would narrow.
 */
export function tagged<const Members extends readonly Tagged[]>(members: Members) {
  const byType = new Map<unknown, Tagged>(members.map((member) => [[...member.shape.type.def.values][0], member]));
  const schema = z.pipe(
    z.looseObject({ type: z.string() }),
    z.transform((value, context) => {
      const result = byType.get(value.type)?.safeParse(value);
      for (const issue of result?.error?.issues ?? []) context.issues.push({ ...issue, input: value } as never);
      return result?.data ?? value;
    }),
  );
  return schema as unknown as z.ZodMiniType<z.infer<Members[number]>>;
}
