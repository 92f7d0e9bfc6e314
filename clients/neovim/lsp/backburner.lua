-- For `vim.lsp.enable('backburner')` (Neovim 0.11 and later); the plugin needs nothing else.
return require('backburner.client').config()
