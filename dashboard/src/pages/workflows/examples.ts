/** Workflows to begin with: small, whole, and able to run anywhere. */
import type { Definition } from "@sluicegate/sdk";

export interface Example {
  id: string;
  title: string;
  about: string;
  definition: Definition;
}

const at = (column: number, row = 0) => ({ x: column * 288, y: row * 128 });

export const EXAMPLES: readonly Example[] = [
  {
    id: "empty",
    title: "Empty",
    about: "A start, and nothing else.",
    definition: { nodes: [{ id: "start", type: "start", position: at(0) }], edges: [] },
  },
  {
    id: "approval",
    title: "Approval",
    about: "Large orders wait for a person, small ones go through.",
    definition: {
      nodes: [
        {
          id: "start",
          type: "start",
          position: at(0),
          data: {
            inputSchema: {
              type: "object",
              properties: { orderId: { type: "string", title: "Order" }, total: { type: "number", title: "Total", minimum: 0 } },
              required: ["orderId", "total"],
            },
          },
        },
        { id: "large", name: "Large order?", type: "if-else", position: at(1), data: { condition: "input.total > 1000" } },
        {
          id: "ask",
          name: "Ask finance",
          type: "approval-gate",
          position: at(2, 1),
          data: { title: "Order {{ input.orderId }}", message: "Ship an order over {{ input.total }}?", expiresIn: "24h", onExpiry: "reject" },
        },
        { id: "shipped", name: "Shipped", type: "end", position: at(3), data: { output: { order: "{{ input.orderId }}", shipped: true } } },
        { id: "refused", name: "Refused", type: "end", position: at(3, 2), data: { output: { order: "{{ input.orderId }}", shipped: false, reason: "{{ ask.reason }}" } } },
      ],
      edges: [
        { source: "start", target: "large" },
        { source: "large", target: "ask", sourceHandle: "if" },
        { source: "large", target: "shipped", sourceHandle: "else" },
        { source: "ask", target: "shipped", sourceHandle: "approved" },
        { source: "ask", target: "refused", sourceHandle: "rejected" },
      ],
    },
  },
  {
    id: "loop",
    title: "For each item",
    about: "Works through a list and hands on the results.",
    definition: {
      nodes: [
        { id: "start", type: "start", position: at(0) },
        { id: "lines", name: "Each line", type: "loop", position: at(1), data: { items: "default(input.lines, [])" } },
        { id: "price", name: "Price of the line", type: "transform", parentId: "lines", position: { x: 24, y: 44 }, data: { transformScript: "item.price * item.quantity" } },
        { id: "end", type: "end", position: at(2.4), data: { output: { prices: "{{ lines.results }}" } } },
      ],
      edges: [
        { source: "start", target: "lines" },
        { source: "lines", target: "end" },
      ],
    },
  },
  {
    id: "http",
    title: "Call an API",
    about: "With further attempts, and a way for what goes wrong.",
    definition: {
      nodes: [
        { id: "start", type: "start", position: at(0) },
        { id: "call", name: "Call the API", type: "http", position: at(1), data: { httpMethod: "GET", httpUrl: "https://api.example.com/orders/{{ input.orderId }}", retry: { maxAttempts: 3 }, timeoutMs: 10000 } },
        { id: "end", name: "Done", type: "end", position: at(2), data: { output: { status: "{{ call.status }}", data: "{{ call.data }}" } } },
        { id: "failed", name: "Went wrong", type: "end", position: at(2, 1), data: { output: { error: "{{ call.error }}" } } },
      ],
      edges: [
        { source: "start", target: "call" },
        { source: "call", target: "end" },
        { source: "call", target: "failed", sourceHandle: "error" },
      ],
    },
  },
];
