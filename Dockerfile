# docker build -t dask-gmm .
# docker run --rm -v "$PWD:/work" dask-gmm fit data.zarr --components 8 --out runs/fit
FROM python:3.11-slim
COPY pyproject.toml constraints.txt README.md LICENSE /src/
COPY dask_gmm /src/dask_gmm
RUN pip install --no-cache-dir '/src[s3]' -c /src/constraints.txt
RUN useradd --create-home --uid 1000 gmm
USER 1000
WORKDIR /work
ENTRYPOINT ["dask-gmm"]
