"""The commands of `puente`, a module for each kind; `config.cli` puts them together."""
