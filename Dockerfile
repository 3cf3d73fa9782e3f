# syntax=docker/dockerfile:1
# The gateway: docker build -t voice-gateway .
FROM node:22-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY . .
RUN npm run build && npm prune --omit=dev

FROM node:22-bookworm-slim
# espeak-ng speaks the prompts of scripts; redis-server is the embedded store when REDIS_URL is not set.
# hadolint ignore=DL3008
RUN apt-get update \
  && apt-get install -y --no-install-recommends espeak-ng redis-server \
  && rm -rf /var/lib/apt/lists/* \
  && install -d -o node -g node /data
WORKDIR /app
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY --from=build /app/assets ./assets
COPY --from=build /app/sip-profiles ./sip-profiles
COPY --from=build /app/scripts/healthcheck.mjs ./scripts/healthcheck.mjs
COPY --from=build /app/package.json ./package.json
ENV NODE_ENV=production DATA_DIR=/data
VOLUME ["/data"]
USER 1000:1000
# Alive, not ready: a gateway that drains or waits for Redis must not be restarted.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 CMD ["node", "scripts/healthcheck.mjs"]
CMD ["node", "dist/bin/gateway.js"]
