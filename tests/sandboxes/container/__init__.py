"""The container sandbox: the contract, its image, engines that fail, what dead owners leave."""
