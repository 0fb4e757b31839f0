"""Tests of networks: the catalogue, weights, layers, folders, fetching."""
