"""Tests of the rules that find out whom a request is for."""
