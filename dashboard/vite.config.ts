import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// Where `npm run dev` finds the API: `make dev` in another terminal.
const server = process.env["SLUICEGATE_URL"] ?? "http://127.0.0.1:8080";
// The host stays as the browser wrote it: the server takes changes only from its own pages.
const api = { target: server, changeOrigin: false };

export default defineConfig({
  plugins: [react()],
  resolve: { alias: { "@sluicegate/sdk": new URL("../sdk/typescript/src/index.ts", import.meta.url).pathname } },
  build: {
    outDir: process.env["SLUICEGATE_DASHBOARD_OUT"] ?? "../web/bundle",
    emptyOutDir: true,
    target: "es2022",
    // Everything comes from files: the server's policy allows no data: scripts, and a small picture is not worth one.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 700,
  },
  server: { proxy: { "/v1": api, "/docs": api, "/openapi.yaml": api, "/respond": api, "/healthz": api } },
});
