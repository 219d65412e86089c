# Builds and runs Lifeboat: one static binary on an empty image, as a user without rights.
#
#   docker build -t lifeboat .
#   docker run -d --name lifeboat -p 8080:8080 -v lifeboat:/data -e LIFEBOAT_PUBLIC_URL=https://crash.example.com lifeboat
#   docker exec lifeboat lifeboat app create admin/shop --os Android --platform Java
#
# Stop it with a patience of 60 s (docker stop -t 60), so that what is under way is answered.

FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ENV CGO_ENABLED=0
RUN go build -trimpath -ldflags=-s -o /out/lifeboat ./cmd/lifeboat
# The folder that the volume begins as: its owner and mode are kept.
RUN mkdir -m 0700 /out/data

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/lifeboat /usr/local/bin/lifeboat
COPY --from=build --chown=65532:65532 /out/data /data
USER 65532:65532
ENV PATH=/usr/local/bin \
    LIFEBOAT_DATA=/data \
    LIFEBOAT_LISTEN=0.0.0.0:8080
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=6s --start-period=60s CMD ["lifeboat", "doctor", "--health"]
ENTRYPOINT ["lifeboat"]
CMD ["serve"]
