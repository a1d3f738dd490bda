# Clew on a CPU, without PyTorch: tickets are loaded, run and measured.
#   docker build --tag clew .
#   docker run --rm --volume "$PWD:/work" clew bench ladder/tickets/imp-s0-90.safetensors
FROM python:3.11-slim

WORKDIR /opt/clew
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY src ./src
RUN pip install --no-cache-dir --constraint constraints.txt . \
    && useradd --create-home --uid 1000 clew \
    && mkdir /work \
    && chown 1000 /work

USER 1000
WORKDIR /work
ENTRYPOINT ["clew"]
CMD ["--help"]
