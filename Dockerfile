# The program from the lock, as a user without rights. Build: docker build -t threadline .
# TORCH_ARGS reaches pip when torch is installed; to take PyTorch's CPU wheels (no CUDA, several GB less) give the
# address of their index:  docker build --build-arg TORCH_ARGS="--index-url ADDRESS_OF_THE_CPU_INDEX" -t threadline .
FROM python:3.11-slim AS build
ARG TORCH_ARGS=""
ARG PIP_ARGS=""
WORKDIR /app
COPY manifests/requirements.lock manifests/requirements.lock
RUN python -m venv /venv \
    && grep '^torch==' manifests/requirements.lock > /tmp/torch.txt \
    && /venv/bin/pip install --no-cache-dir ${TORCH_ARGS} -r /tmp/torch.txt \
    && /venv/bin/pip install --no-cache-dir ${PIP_ARGS} -r manifests/requirements.lock
COPY . .
RUN /venv/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.11-slim
RUN useradd --system --uid 10001 --home-dir /data threadline && install -d -o threadline -m 700 /data
COPY --from=build /venv /venv
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 THREADLINE_HOME=/data HTTP_HOST=0.0.0.0
USER threadline
WORKDIR /data
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=15s --timeout=3s --start-period=20s \
    CMD python -c "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/healthz', timeout=2)"
CMD ["threadline", "serve"]
