// Restate's side: the handlers, on HTTP/2, as its SDK serves them by default.
import * as restate from "@restatedev/restate-sdk";

/** Five steps, each journaled by `ctx.run`. */
async function chain(ctx, { order, amount }) {
  for (const name of ["a", "b", "c", "d", "e"]) amount = await ctx.run(name, () => amount + 1);
  return { order, amount };
}

/** The same work without a journal of its steps: only the input and the output are kept. */
async function plain(_ctx, { order, amount }) {
  for (let n = 0; n < 5; n += 1) amount += 1;
  return { order, amount };
}

/** One piece of outside work: the invocation itself. */
async function work(_ctx, { amount }) {
  return { amount: amount + 1 };
}

/** One piece of outside work with a journaled step. */
async function workRun(ctx, { amount }) {
  return { amount: await ctx.run("work", () => amount + 1) };
}

const bench = restate.service({ name: "Bench", handlers: { chain, plain, work, workRun } });

/** Waits for a promise, then does one more step. */
const gate = restate.workflow({
  name: "Gate",
  handlers: {
    run: async (ctx, { amount }) => {
      await ctx.promise("answer");
      return ctx.run("next", () => amount + 1);
    },
    answer: (ctx) => ctx.promise("answer").resolve(true),
  },
});

await restate.serve({ services: [bench, gate], port: Number(process.argv[2]) });
