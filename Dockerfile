# One image for every pressline process; compose gives each its command.
FROM python:3.11.14-slim-bookworm AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY database database
COPY edge_agent edge_agent
COPY erp_core erp_core
COPY ingest ingest
COPY mes_bridge mes_bridge
COPY pressline pressline
RUN python -m venv /opt/pressline && /opt/pressline/bin/pip install --no-cache-dir '.[opcua,plant,serial]'

FROM python:3.11.14-slim-bookworm
RUN useradd --system --uid 10001 --home /var/lib/pressline --create-home pressline
COPY --from=build /opt/pressline /opt/pressline
COPY config /etc/pressline
ENV PATH=/opt/pressline/bin:$PATH PYTHONUNBUFFERED=1
USER pressline
WORKDIR /var/lib/pressline
ENTRYPOINT ["pressline"]
CMD ["--help"]
