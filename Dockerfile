# One image for every pressline process; compose gives each its command.
FROM python:3.11.14-slim-bookworm AS build
WORKDIR /src
COPY requirements requirements
RUN python -m venv /opt/pressline \
 && /opt/pressline/bin/pip install --no-cache-dir --require-hashes -r requirements/plant.lock \
 && python -m pip install --no-cache-dir --require-hashes -r requirements/build.lock
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY config config
COPY database database
COPY edge_agent edge_agent
COPY erp_core erp_core
COPY ingest ingest
COPY mes_bridge mes_bridge
COPY people people
COPY plant plant
COPY pressline pressline
RUN python -m pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheel . \
 && /opt/pressline/bin/pip install --no-cache-dir --no-deps /wheel/pressline-*.whl

FROM python:3.11.14-slim-bookworm
# Paper in Chinese: docs/decisions/0021
RUN apt-get update \
 && apt-get install --yes --no-install-recommends fonts-noto-cjk \
 && rm -rf /var/lib/apt/lists/*
RUN useradd --system --uid 10001 --home /var/lib/pressline --create-home pressline \
 && install --directory --owner pressline --mode 700 /tls
COPY --from=build /opt/pressline /opt/pressline
COPY config /etc/pressline
ENV PATH=/opt/pressline/bin:$PATH PYTHONUNBUFFERED=1
USER pressline
WORKDIR /var/lib/pressline
ENTRYPOINT ["pressline"]
CMD ["--help"]
